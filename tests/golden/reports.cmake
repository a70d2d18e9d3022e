add_test(NAME golden.reading COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/reading.sh $<TARGET_FILE:nsmon> $<TARGET_FILE:report_database>)
set_tests_properties(golden.reading PROPERTIES LABELS golden TIMEOUT 60)
