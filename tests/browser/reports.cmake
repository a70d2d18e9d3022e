add_test(NAME browser.report COMMAND ${CMAKE_CURRENT_LIST_DIR}/report.sh $<TARGET_FILE:nsmon> $<TARGET_FILE:report_database>)
set_tests_properties(browser.report PROPERTIES SKIP_RETURN_CODE 77 LABELS browser TIMEOUT 300 PROCESSORS 4)
