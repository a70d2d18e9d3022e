/* Any captured frame of any link type, cut anywhere, becomes a frame that fits its link, or none. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "traffic/replay/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int types[] = {1, 0, 9, 50, 101, 104, 108, 113, 228, 229, 276};
    static uint8_t frame[REPLAY_FRAME_MAX];
    static const struct replay_way way = {.source = {2}, .destination = {4}, .mtu = 1500};
    if (size < 3) {
        return 0;
    }
    /* Seeds are whole frames, so what is chosen is taken from their ends. */
    size -= 3;
    struct capfile_frame captured = {
        .link_type = types[data[size] % (sizeof types / sizeof *types)],
        .size = (uint32_t)size,
        .wire = (uint32_t)size + (uint32_t)(data[size + 1] << 8 | data[size + 2]),
        .bytes = data,
    };
    size_t made = 0;
    enum replay_fate fate = replay_frame_make(&way, &captured, frame, &made);
    if (fate >= REPLAY_FATES ||
        (fate == REPLAY_SENT && (made < REPLAY_HEADER_SIZE || made > sizeof frame ||
                                 memcmp(frame + 6, way.source, sizeof way.source) != 0))) {
        abort();
    }
    return 0;
}
