# The collector's fuzz targets.
set(FUZZ ${CMAKE_SOURCE_DIR}/tests/fuzz)
nsmon_fuzz_target(packet SOURCES ${FUZZ}/fuzz_packet.c ROOMS decode common SEEDS packet)
nsmon_fuzz_target(sflow5 SOURCES ${FUZZ}/fuzz_sflow5.c ROOMS decode common SEEDS datagram)
nsmon_fuzz_target(netflow5 SOURCES ${FUZZ}/fuzz_netflow5.c ROOMS decode common SEEDS datagram)
nsmon_fuzz_target(ipfix SOURCES ${FUZZ}/fuzz_ipfix.c ${FUZZ}/datagrams.c ROOMS decode common SEEDS sequence)
nsmon_fuzz_target(collector
  SOURCES ${FUZZ}/fuzz_collector.c ${FUZZ}/datagrams.c ${CMAKE_SOURCE_DIR}/tests/bench/forget_store.c
  ROOMS collector decode common
  SEEDS sequence)

if(NSMON_FUZZ)
  pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)
  add_executable(fuzz_seeds ${FUZZ}/seeds.c ${CMAKE_SOURCE_DIR}/tests/golden/pcap_file.c)
  target_compile_definitions(fuzz_seeds PRIVATE NSMON_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(fuzz_seeds PRIVATE nsmon_collector nsmon_decode nsmon_common PkgConfig::PCAP)
endif()
