# What 'nsmon status' shows of a lab that runs, and of one that does not answer.
foreach(CASE rates watch silent)
  add_test(NAME lab.status.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/status.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.status.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
