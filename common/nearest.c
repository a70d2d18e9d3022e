#include "common/nearest.h"

#include <string.h>

#define WORD_SIZE 40

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many letters have to be changed, put in, taken out, or swapped with their neighbour, to make 'b' of 'a'
 * (Damerau's distance in its plain form, "optimal string alignment"). */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t rows[3][WORD_SIZE + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *over = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], over[j - 2] + 1);
            }
        }
    }
    return rows[a_length % 3][b_length];
}

const char *nearest_name(const char *word, const char *const names[], size_t count) {
    const char *best = NULL;
    size_t best_distance = 3;
    size_t length = strlen(word);
    for (size_t i = 0; length <= WORD_SIZE && i < count; i++) {
        size_t name_length = strlen(names[i]);
        if (name_length > WORD_SIZE) {
            continue;
        }
        size_t far = distance(word, length, names[i], name_length);
        if (far < best_distance && far * 2 < name_length) {
            best = names[i];
            best_distance = far;
        }
    }
    return best;
}
