# Paths that are spoilt on purpose.
foreach(CASE loss spoil chance delay jitter rate hosts frames steps killed netem kept gone)
  add_test(NAME lab.impair.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/impair.sh $<TARGET_FILE:nsmon> $<TARGET_FILE:topo_driver> ${CASE})
  set_tests_properties(lab.impair.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 300)
endforeach()
