# The room that builds the lab, by itself.
add_executable(topo_driver ${CMAKE_SOURCE_DIR}/tests/lab/topo_driver.c)
target_link_libraries(topo_driver PRIVATE nsmon_topo)
