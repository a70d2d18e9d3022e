# Fifty labs, one after another, leave nothing; a few minutes.
foreach(CASE private system)
  add_test(NAME lab.fifty.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/fifty.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.fifty.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS "lab;long" TIMEOUT 900 COST 65)
endforeach()
