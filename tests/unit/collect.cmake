# cli is no library: the files that read the settings are built into the test.
nsmon_unit_test(collect_config
  SOURCES
    ${CMAKE_SOURCE_DIR}/tests/unit/test_collect_config.c
    ${CMAKE_SOURCE_DIR}/cli/collect_config.c
    ${CMAKE_SOURCE_DIR}/cli/collect_options.c
    ${CMAKE_SOURCE_DIR}/cli/parse.c
  ROOMS daemon common)
if(TARGET test_collect_config)
  target_include_directories(test_collect_config PRIVATE ${CMAKE_BINARY_DIR}/rooms/cli)
endif()
