# What 'nsmon start --dry-run' prints makes the lab that 'nsmon start' makes.
foreach(CASE plain shaped system nobody)
  add_test(NAME lab.recipe.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/recipe.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.recipe.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
