# traffic_drive runs the endpoints by themselves, for the lab test and for measuring by hand.
add_executable(traffic_drive ${CMAKE_SOURCE_DIR}/tests/lab/traffic_drive.c)
target_link_libraries(traffic_drive PRIVATE nsmon_traffic)
