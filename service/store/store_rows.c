#include <assert.h>

#include "service/store/store_priv.h"

#define EPOCH_2000_MS INT64_C(946684800000)

static uint64_t big_endian(const char *bytes, int len)
{
    uint64_t value = 0;
    for (int i = 0; i < len; i++) {
        value = value << 8 | (uint8_t)bytes[i];
    }
    return value;
}

bool rows_fit(const PGresult *result, int columns)
{
    return PQntuples(result) > 0 && PQnfields(result) == columns;
}

gl_uuid row_uuid(const PGresult *result, int row, int column)
{
    gl_uuid id = {{0}};
    if (PQgetlength(result, row, column) == (int)sizeof(id.bytes)) {
        memcpy(id.bytes, PQgetvalue(result, row, column), sizeof(id.bytes));
    }
    return id;
}

uint64_t row_u64(const PGresult *result, int row, int column)
{
    int len = PQgetlength(result, row, column);
    assert(len == 0 || len == 4 || len == 8);
    return big_endian(PQgetvalue(result, row, column), len);
}

int64_t row_time(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column)) {
        return 0;
    }
    int64_t micros = (int64_t)row_u64(result, row, column);
    int64_t millis = micros / 1000 - (micros % 1000 < 0);
    return millis + EPOCH_2000_MS;
}

bool row_bool(const PGresult *result, int row, int column)
{
    return PQgetlength(result, row, column) == 1 && PQgetvalue(result, row, column)[0] != 0;
}

struct gl_slice row_slice(const PGresult *result, int row, int column)
{
    return gl_slice_of(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

gl_hash row_hash(const PGresult *result, int row, int column)
{
    gl_hash hash = {{0}};
    if (PQgetlength(result, row, column) == (int)sizeof(hash.bytes)) {
        memcpy(hash.bytes, PQgetvalue(result, row, column), sizeof(hash.bytes));
    }
    return hash;
}

/* ---- the same for the callers of store_query() */

static void check(const struct store_rows *rows, size_t row, size_t column)
{
    assert(row < store_rows_count(rows) && column < (size_t)PQnfields(rows->result));
}

size_t store_rows_count(const struct store_rows *rows)
{
    return (size_t)PQntuples(rows->result);
}

bool store_is_null(const struct store_rows *rows, size_t row, size_t column)
{
    check(rows, row, column);
    return PQgetisnull(rows->result, (int)row, (int)column);
}

struct gl_slice store_text(const struct store_rows *rows, size_t row, size_t column)
{
    check(rows, row, column);
    return row_slice(rows->result, (int)row, (int)column);
}

uint64_t store_u64(const struct store_rows *rows, size_t row, size_t column)
{
    check(rows, row, column);
    return row_u64(rows->result, (int)row, (int)column);
}

bool store_bool(const struct store_rows *rows, size_t row, size_t column)
{
    check(rows, row, column);
    return row_bool(rows->result, (int)row, (int)column);
}

gl_uuid store_uuid(const struct store_rows *rows, size_t row, size_t column)
{
    check(rows, row, column);
    return row_uuid(rows->result, (int)row, (int)column);
}

struct gl_slice store_bytes(const struct store_rows *rows, size_t row, size_t column)
{
    return store_text(rows, row, column);
}

int64_t store_time(const struct store_rows *rows, size_t row, size_t column)
{
    check(rows, row, column);
    return row_time(rows->result, (int)row, (int)column);
}
