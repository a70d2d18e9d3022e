# The collector without a lab.
foreach(CASE ends restart reload allow user notify hostile errors)
  add_test(NAME lab.collect.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/collect.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.collect.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
