# cli is no library: the file that draws is built into the test.
nsmon_unit_test(drawing
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_drawing.c ${CMAKE_SOURCE_DIR}/cli/drawing.c
  ROOMS common)
if(TARGET test_drawing)
  target_include_directories(test_drawing PRIVATE ${CMAKE_BINARY_DIR}/rooms/cli)
  target_link_libraries(test_drawing PRIVATE PkgConfig::JANSSON)
endif()
nsmon_unit_test(rates SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_rates.c ROOMS daemon)
