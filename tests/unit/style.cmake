add_test(NAME style.format
  COMMAND bash ${CMAKE_SOURCE_DIR}/tests/unit/style.sh format ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
set_tests_properties(style.format PROPERTIES SKIP_RETURN_CODE 77 LABELS style TIMEOUT 120)
# clang-tidy wants clang's own flags, so it goes with the build that has them; room by room, so that ctest can keep all
# cores busy with it.
if(NSMON_FUZZ)
  foreach(ROOM common topo traffic collector reports daemon scenario cli)
    add_test(NAME style.tidy.${ROOM}
      COMMAND bash ${CMAKE_SOURCE_DIR}/tests/unit/style.sh tidy ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} ${ROOM})
    set_tests_properties(style.tidy.${ROOM} PROPERTIES SKIP_RETURN_CODE 77 LABELS style TIMEOUT 1200)
  endforeach()
endif()
