# OpenFlow rules of the lab's bridge.
foreach(CASE counts ingress settled dropped flow flow_sampled facts errors system)
  add_test(NAME lab.openflow.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/openflow.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.openflow.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
