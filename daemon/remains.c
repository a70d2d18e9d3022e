#include "daemon/remains.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/store/store.h"
#include "common/privilege.h"
#include "daemon/database.h"
#include "daemon/lab.h"

void remains_note_database(const struct run_dir *dir, const char *database) {
    FILE *file = fopen(dir->database, "we");
    if (file != NULL) {
        fputs(database, file);
        fclose(file);
    }
}

bool remains_noted(const struct run_dir *dir) {
    return access(dir->database, F_OK) == 0;
}

static bool read_note(const struct run_dir *dir, char path[LAB_PATH_SIZE]) {
    FILE *file = fopen(dir->database, "re");
    bool good = file != NULL && fgets(path, LAB_PATH_SIZE, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    return good;
}

bool remains_last_words(const struct run_dir *dir, char *text, size_t size) {
    char end[1024];
    FILE *file = fopen(dir->log, "re");
    text[0] = '\0';
    if (file == NULL) {
        return false;
    }
    if (fseek(file, -(long)sizeof end + 1, SEEK_END) != 0) {
        rewind(file); /* it is shorter */
    }
    size_t length = fread(end, 1, sizeof end - 1, file);
    fclose(file);
    while (length > 0 && end[length - 1] == '\n') {
        length--;
    }
    end[length] = '\0';
    const char *newline = strrchr(end, '\n');
    const char *line = newline != NULL ? newline + 1 : end;
    if (strncmp(line, REMAINS_LAST_WORDS, strlen(REMAINS_LAST_WORDS)) != 0) {
        return false;
    }
    snprintf(text, size, "%s", line);
    return true;
}

void remains_close_sessions(const struct run_dir *dir, const char *prefix) {
    char path[LAB_PATH_SIZE];
    struct identity identity;
    bool brokered;
    bool noted = read_note(dir, path);
    unlink(dir->database);
    if (!noted || access(path, F_OK) != 0 || privilege_find_user(&identity, NULL) != 0 ||
        database_check(path, &identity, NULL, &brokered, NULL) != 0) {
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        int code = database_drop_root(path, &identity, brokered, NULL);
        _exit(code == 0 ? store_fail_sessions(path, prefix, NULL) != 0 : 1);
    }
    if (child > 0) {
        waitpid(child, NULL, 0);
    }
}
