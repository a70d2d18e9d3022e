# What the documents say of options, tables and keys is held against the program and the schema.
find_program(PYTHON3 python3)
if(PYTHON3)
  foreach(CASE commands options examples lint queries tables rooms quotes links json schemas doctor)
    add_test(NAME unit.docs.${CASE}
      COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/unit/check_docs.py ${CASE}
        --source ${CMAKE_SOURCE_DIR} --man ${CMAKE_BINARY_DIR}/docs/man --nsmon $<TARGET_FILE:nsmon>)
    set_tests_properties(unit.docs.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS unit TIMEOUT 60)
  endforeach()
else()
  message(STATUS "python3 not found: the documents are not held against the program")
endif()
