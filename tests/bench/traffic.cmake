# traffic_bench drives alike streams, for the benchmarks and for measuring by hand; pace_bare is a paced sender to
# compare with, departures measures one in a capture.
add_executable(traffic_bench ${CMAKE_SOURCE_DIR}/tests/bench/traffic_bench.c)
target_link_libraries(traffic_bench PRIVATE nsmon_traffic m)
add_executable(pace_bare ${CMAKE_SOURCE_DIR}/tests/bench/pace_bare.c)
target_link_libraries(pace_bare PRIVATE nsmon_common)
pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)
add_executable(departures ${CMAKE_SOURCE_DIR}/tests/bench/departures.c)
target_link_libraries(departures PRIVATE PkgConfig::PCAP m)
if(NOT NSMON_SANITIZE AND NOT NSMON_COVERAGE) # which would be measured, too; more rounds by hand
  add_test(NAME bench.traffic COMMAND sh ${CMAKE_SOURCE_DIR}/tests/bench/traffic.sh ${CMAKE_CURRENT_BINARY_DIR} 1 1)
  set_tests_properties(bench.traffic PROPERTIES SKIP_RETURN_CODE 77 LABELS bench TIMEOUT 1800 RUN_SERIAL ON)
endif()
