pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)

# nsmon_golden_test(NAME file...): a test of the collector on captures, with a store in memory.
function(nsmon_golden_test NAME)
  set(HERE ${CMAKE_SOURCE_DIR}/tests/golden)
  list(TRANSFORM ARGN PREPEND ${HERE}/ OUTPUT_VARIABLE MORE)
  nsmon_unit_test(${NAME}
    SOURCES ${HERE}/test_${NAME}.c ${HERE}/fake_store.c ${HERE}/pcap_file.c ${MORE}
    ROOMS collector decode common)
  if(TARGET test_${NAME})
    target_link_libraries(test_${NAME} PRIVATE PkgConfig::PCAP)
    set_tests_properties(unit.${NAME} PROPERTIES LABELS golden)
  endif()
endfunction()

nsmon_golden_test(broken)
nsmon_golden_test(openvswitch)
nsmon_golden_test(exports expected.c expected_sflowtool.c expected_tshark.c)
