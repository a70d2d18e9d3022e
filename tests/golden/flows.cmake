add_test(NAME golden.flows
  COMMAND bash ${CMAKE_SOURCE_DIR}/tests/golden/flows.sh $<TARGET_FILE:nsmon> $<TARGET_FILE:report_database> ${CMAKE_SOURCE_DIR})
set_tests_properties(golden.flows PROPERTIES SKIP_RETURN_CODE 77 LABELS golden TIMEOUT 120)
