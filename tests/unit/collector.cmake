foreach(TEST collector templates)
  nsmon_unit_test(${TEST}
    SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_${TEST}.c ${CMAKE_SOURCE_DIR}/tests/unit/collector_testing.c
            ${CMAKE_SOURCE_DIR}/tests/unit/export_maker.c ${CMAKE_SOURCE_DIR}/tests/golden/fake_store.c
    ROOMS collector decode common)
endforeach()
nsmon_unit_test(flow_record
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_flow_record.c ${CMAKE_SOURCE_DIR}/tests/unit/export_maker.c
          ${CMAKE_SOURCE_DIR}/tests/golden/fake_store.c
  ROOMS collector decode common)
nsmon_unit_test(sflow5
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_sflow5.c ${CMAKE_SOURCE_DIR}/tests/golden/fake_store.c
  ROOMS collector decode common)
nsmon_unit_test(ipfix
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_ipfix.c ${CMAKE_SOURCE_DIR}/tests/unit/export_maker.c
          ${CMAKE_SOURCE_DIR}/tests/golden/fake_store.c
  ROOMS collector decode common)
