# Traffic between the hosts and addresses of a lab.
foreach(CASE addresses tcp whole together errors)
  add_test(NAME lab.shapes.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/shapes.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.shapes.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
