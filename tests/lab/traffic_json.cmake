# The JSON of 'nsmon traffic' against its schema and the database.
foreach(CASE profiles stopped failed replay)
  add_test(NAME lab.traffic_json.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/traffic_json.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.traffic_json.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
