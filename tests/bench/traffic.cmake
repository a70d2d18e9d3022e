# traffic_bench drives alike streams, for the benchmarks and for measuring by hand.
add_executable(traffic_bench ${CMAKE_SOURCE_DIR}/tests/bench/traffic_bench.c)
target_link_libraries(traffic_bench PRIVATE nsmon_traffic m)
