# Where a datagram's delay came from, of each one.
foreach(CASE exact classes headers many)
  add_test(NAME lab.split.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/split.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.split.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
foreach(CASE classes many)
  set_tests_properties(lab.split.${CASE} PROPERTIES PROCESSORS 2)
endforeach()
