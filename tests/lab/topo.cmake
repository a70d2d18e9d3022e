# The room that builds the lab, by itself.
add_executable(topo_driver ${CMAKE_SOURCE_DIR}/tests/lab/topo_driver.c)
target_link_libraries(topo_driver PRIVATE nsmon_topo)
foreach(CASE traffic failing killed foreign replaced two cut system system_failing system_killed hosts mtu dead_switch flush path busy refused daemons)
  add_test(NAME lab.topo.${CASE} COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/topo.sh $<TARGET_FILE:topo_driver> ${CASE})
  set_tests_properties(lab.topo.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 300)
endforeach()
