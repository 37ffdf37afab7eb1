/*
 * check.h - the promises, held against what people were told and what the log holds. Nothing here asks the core.
 *
 * Errors    broken() with the promise's number.
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

void check_promises(void);

#endif
