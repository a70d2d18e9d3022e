add_test(NAME golden.import COMMAND bash ${CMAKE_SOURCE_DIR}/tests/golden/import.sh $<TARGET_FILE:nsmon> ${CMAKE_SOURCE_DIR})
set_tests_properties(golden.import PROPERTIES SKIP_RETURN_CODE 77 LABELS golden TIMEOUT 120)
add_test(NAME golden.imports COMMAND bash ${CMAKE_SOURCE_DIR}/tests/golden/imports.sh $<TARGET_FILE:nsmon> ${CMAKE_SOURCE_DIR})
set_tests_properties(golden.imports PROPERTIES SKIP_RETURN_CODE 77 LABELS golden TIMEOUT 300)
