/*
 * gl_json_priv.h - what gl_json.c, gl_json_plain.c and gl_canon.c share; nobody else includes it.
 */
#ifndef GL_JSON_PRIV_H
#define GL_JSON_PRIV_H

#include "proto/gl_json.h"

/* How many bytes at the beginning of text stand in a JSON string as they are: no quote, no backslash, no control character.
 * Their bits are added to all: JSON_ALL_ASCII says whether each was ASCII. */
size_t json_plain_len(struct gl_slice text, uint64_t *all);
#define JSON_ALL_ASCII(all) (((all)&UINT64_C(0x8080808080808080)) == 0)

/* The value, when the text is plain JSON within our limits. NULL: it is not, or not so plain, or memory is out. */
json_t *json_read_plain(struct gl_slice text, bool *is_out_of_memory);

#endif
