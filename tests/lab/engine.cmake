add_test(NAME lab.engine COMMAND sh ${CMAKE_SOURCE_DIR}/tests/lab/engine.sh
         ${CMAKE_CURRENT_BINARY_DIR}/traffic_bench)
set_tests_properties(lab.engine PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120 PROCESSORS 2)
