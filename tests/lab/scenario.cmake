# Scenarios: the reader's own cases, and each that comes with nsmon.
foreach(CASE file repeat stopped errors quick mixed elephants-and-mice ddos voip microbursts ipv6 impaired)
  add_test(NAME lab.scenario.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/scenario.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.scenario.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 180)
endforeach()
foreach(CASE mixed elephants-and-mice)
  set_tests_properties(lab.scenario.${CASE} PROPERTIES LABELS "lab;long")
endforeach()
foreach(CASE mixed elephants-and-mice ddos voip ipv6)
  set_tests_properties(lab.scenario.${CASE} PROPERTIES PROCESSORS 2)
endforeach()
