nsmon_unit_test(traffic SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_traffic.c ROOMS traffic)
nsmon_unit_test(traffic_run SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_traffic_run.c ROOMS traffic)
nsmon_unit_test(plan SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_plan.c ROOMS traffic)
nsmon_unit_test(traffic_engine SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_traffic_engine.c ROOMS traffic)
