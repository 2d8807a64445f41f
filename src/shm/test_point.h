/*
 * test_point.h
 *	  In a build for tests (-DZP_POINTS): parameters that stop a backend at a point of
 *	  port/point.h, or make what is there fail.
 */
#ifndef ZP_TEST_POINT_H
#define ZP_TEST_POINT_H

#ifdef ZP_POINTS
extern void zp_test_point_init(void);
#endif

#endif							/* ZP_TEST_POINT_H */
