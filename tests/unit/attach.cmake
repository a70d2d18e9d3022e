nsmon_unit_test(attach SOURCES unit/test_attach.c ROOMS attach)
