# traffic_bench drives alike streams, for the benchmarks and for measuring by hand; pace_bare is a paced sender to
# compare with, departures measures one in a capture.
add_executable(traffic_bench ${CMAKE_SOURCE_DIR}/tests/bench/traffic_bench.c)
target_link_libraries(traffic_bench PRIVATE nsmon_traffic m)
add_executable(pace_bare ${CMAKE_SOURCE_DIR}/tests/bench/pace_bare.c)
target_link_libraries(pace_bare PRIVATE nsmon_common)
pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)
add_executable(departures ${CMAKE_SOURCE_DIR}/tests/bench/departures.c)
target_link_libraries(departures PRIVATE PkgConfig::PCAP m)
