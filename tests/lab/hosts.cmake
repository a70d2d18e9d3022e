# More hosts than two, more addresses than one.
foreach(CASE three addresses eight one)
  add_test(NAME lab.hosts.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/hosts.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.hosts.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 300)
endforeach()
