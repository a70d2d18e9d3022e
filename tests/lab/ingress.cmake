# The truth at the switch's ingress in labs that drop, flood and rewrite.
foreach(CASE drop three rewrite)
  add_test(NAME lab.ingress.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/ingress.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.ingress.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 300)
endforeach()
