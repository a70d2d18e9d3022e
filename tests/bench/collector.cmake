# Benchmarks of the collector, run by hand, and the flood, which holds its memory and takes a minute: ctest -L long.
set(BENCH ${CMAKE_SOURCE_DIR}/tests/bench)
pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)
add_executable(bench_decode ${BENCH}/decode.c ${CMAKE_SOURCE_DIR}/tests/golden/pcap_file.c ${BENCH}/forget_store.c)
target_link_libraries(bench_decode PRIVATE nsmon_collector nsmon_decode nsmon_common PkgConfig::PCAP)
target_compile_definitions(bench_decode PRIVATE NSMON_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
add_executable(flood ${BENCH}/flood.c ${BENCH}/forget_store.c ${CMAKE_SOURCE_DIR}/tests/unit/export_maker.c)
target_link_libraries(flood PRIVATE nsmon_collector nsmon_decode nsmon_common)
if(NOT NSMON_SANITIZE AND NOT NSMON_COVERAGE) # whose own memory would be measured
  add_test(NAME bench.flood COMMAND flood)
  set_tests_properties(bench.flood PROPERTIES LABELS long TIMEOUT 1800 PROCESSORS 4 COST 75)
endif()
