# What is left behind is found by its tags, and nothing else is.
foreach(CASE crashed live lost system attached process imitated silent usage)
  add_test(NAME lab.stop_all.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/stop_all.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.stop_all.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 300)
endforeach()
