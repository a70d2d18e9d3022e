nsmon_unit_test(stats SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_stats.c ROOMS stats)
nsmon_unit_test(sizes SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_sizes.c ROOMS stats)
nsmon_unit_test(reader SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_reader.c ${CMAKE_SOURCE_DIR}/tests/unit/report_fixture.c
                ROOMS read)
foreach(TEST reports ledger formats ingress verdict tampering runs)
  nsmon_unit_test(${TEST}
    SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_${TEST}.c ${CMAKE_SOURCE_DIR}/tests/unit/report_testing.c
            ${CMAKE_SOURCE_DIR}/tests/unit/report_fixture.c
    ROOMS reports read)
endforeach()

# A database for tests that look at the report from outside.
add_executable(report_database ${CMAKE_SOURCE_DIR}/tests/unit/report_database.c ${CMAKE_SOURCE_DIR}/tests/unit/report_fixture.c)
target_compile_definitions(report_database PRIVATE NSMON_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_link_libraries(report_database PRIVATE nsmon_read m)
nsmon_unit_test(spread SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_spread.c ROOMS stats)
nsmon_unit_test(rules SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_rules.c ROOMS reports)
