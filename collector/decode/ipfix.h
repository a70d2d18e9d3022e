/* IPFIX (RFC 7011) and NetFlow v9 (RFC 3954): messages of sets, read by templates. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/decode/flow_record.h"
#include "collector/decode/template.h"

#define IPFIX_HEADER_SIZE    16
#define NETFLOW9_HEADER_SIZE 20

/* What a message's content is handed to.  Any of the functions may be NULL. */
struct ipfix_sink {
    flow_record_fn *record;  /* a record of a data template */
    flow_record_fn *options; /* a record of an options template */
    void (*changed)(const struct template_update *update, const struct export_header *header, void *context);
    /* The data set 'id', of which there is no template: its records' bytes. */
    void (*missing)(uint16_t id, struct slice set, const struct export_header *header, void *context);
    void *context;
};

/* What was in a message, or in a set that waited for its template. */
struct ipfix_counts {
    uint32_t records; /* of data and of options templates, both are counted by IPFIX's sequence */
    uint32_t option_records;
    uint32_t templates;
    uint32_t missing_sets; /* without a template */
    uint32_t missing_bytes;
    uint32_t malformed;    /* broken headers, sets, templates and records */
    uint32_t unknown_sets; /* of a set id that nobody has defined */
};

/* Reads the header of the NetFlow v9 or IPFIX message in the 'size' bytes at 'bytes' into 'header'.  Returns
 * 0, -EBADMSG when it is cut, or -EPROTONOSUPPORT for another version. */
int ipfix_read_header(const uint8_t *bytes, size_t size, struct export_header *header);

/* Decodes the message that begins at 'bytes' and whose 'header' was read before, with the templates of
 * 'owner' in 'cache', to 'sink'.  'counts' is filled.  A set whose template the session does not have is
 * decoded by that of another session from the same address if it fits (ipfix_set_fits()).
 *
 * Returns how many bytes the message has: all 'size' for NetFlow v9, which does not say; for IPFIX what its
 * length field says, so that a next message in the same datagram can be decoded, and at most 'size'.  A
 * message that lies about its lengths is decoded as far as it is whole, and counts->malformed says so. */
size_t ipfix_decode(const uint8_t *bytes, size_t size, const struct export_header *header,
                    struct template_cache *cache, struct template_owner owner, const struct ipfix_sink *sink,
                    struct ipfix_counts *counts);

/* True if 'set' is made up of whole records of 'template' and padding, as it must be to be of that template.
 */
bool ipfix_set_fits(struct slice set, const struct template *template);

/* Decodes the records of one data set, 'set', by 'template'; adds to 'counts'. */
void ipfix_decode_set(struct slice set, const struct export_header *header, const struct template *template,
                      const struct ipfix_sink *sink, struct ipfix_counts *counts);

/* Walks the fields of 'record' again and calls 'field' for each with its bytes: for those who want what has
 * no place in struct flow_record. */
void ipfix_each_field(const struct flow_record *record,
                      void (*field)(const struct template_field *field, struct slice value, void *context),
                      void *context);
