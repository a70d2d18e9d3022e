#include "cli/say.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"

bool say_in_colour(void) {
    return isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;
}

int say_failed(const struct error *error) {
    fprintf(stderr, "%snsmon:%s %s\n", say_in_colour() ? "\033[31m" : "", say_in_colour() ? "\033[0m" : "",
            error->text);
    return EXIT_FAILED;
}

int say_usage(const char *command, const struct error *error) {
    fprintf(stderr, "nsmon %s: %s (see 'nsmon %s --help')\n", command, error->text, command);
    return EXIT_USAGE;
}

void say_step(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs(say_in_colour() ? "\033[36m==>\033[0m " : "==> ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void say_progress(const char *text, bool detail, void *context) {
    const bool *verbose = context;
    if (!detail) {
        say_step("%s", text);
    } else if (*verbose) {
        fprintf(stderr, "      %s\n", text);
    }
}

int say_bad_option(char *argv[], int option, struct error *error) {
    const char *word = argv[optind - 1];
    if (option == ':') {
        return error_set(error, -EINVAL, "the option '%s' needs an argument", word);
    }
    return error_set(error, -EINVAL, "there is no option '%s'", word);
}

int say_extra_argument(const char *argument, struct error *error) {
    return error_set(error, -EINVAL, "can't make anything of '%s'", argument);
}

void say_warning(enum log_level level, const char *message, void *context) {
    (void)level;
    (void)context;
    say_step("note: %s", message);
}
