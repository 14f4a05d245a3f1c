/* The arithmetic of one binary three-level network with the enhanced expansion, and nothing else. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { STEPS = 320, SUBJECTS = 1024 };

static float outcomes[STEPS];

typedef struct { float m2, v2, m3, v3, total; } Belief;

static inline __attribute__((always_inline)) Belief step(Belief b, float u, float w2, float w3)
{
    float s3 = b.v3 + expf(w3);
    float growth = expf(w2 + b.m3 + 0.5f * s3);
    float s2 = b.v2 + growth, carried = b.v2;
    float p = 1 / (1 + expf(-b.m2));
    b.total -= logf(u > 0.5f ? p : 1 - p);
    float v2 = s2 / (1 + s2 * p * (1 - p));
    float move = v2 * (u - p);
    float square = v2 + move * move;
    float m3 = b.m3 + 0.5f * s3 * (growth / s2) * (square / s2 - 1);
    float known = expf(w2 + m3), inverse = 1 / (carried + known);
    float share = known * inverse, error = square * inverse - 1;
    float curvature = 0.5f * share * (share + (2 * share - 1) * error);
    b.v3 = s3 / (1 + s3 * (curvature > 0 ? curvature : 0));
    b.m3 = m3;
    b.v2 = v2;
    b.m2 += move;
    return b;
}

static float single(float w2, float w3)
{
    Belief b = { 0, 1, 0, 1, 0 };
    for (int t = 0; t < STEPS; t++) b = step(b, outcomes[t], w2, w3);
    return b.total;
}

static void cohort(const float *w2, const float *w3, float *total)
{
    static float m2[SUBJECTS], v2[SUBJECTS], m3[SUBJECTS], v3[SUBJECTS];
    for (int i = 0; i < SUBJECTS; i++) m2[i] = m3[i] = total[i] = 0, v2[i] = v3[i] = 1;
    for (int t = 0; t < STEPS; t++)
        for (int i = 0; i < SUBJECTS; i++) {
            Belief b = step((Belief){ m2[i], v2[i], m3[i], v3[i], total[i] }, outcomes[t], w2[i], w3[i]);
            m2[i] = b.m2, v2[i] = b.v2, m3[i] = b.m3, v3[i] = b.v3, total[i] = b.total;
        }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **names)
{
    static float w2[SUBJECTS], w3[SUBJECTS], total[SUBJECTS];
    static double alone[2000], together[50];
    FILE *file = count > 1 ? fopen(names[1], "r") : NULL;
    for (int t = 0; t < STEPS; t++)
        if (!file || fscanf(file, "%f", &outcomes[t]) != 1) return 1;
    for (int i = 0; i < SUBJECTS; i++) w2[i] = -3 + 1e-4f * i, w3[i] = -4;
    volatile float kept = 0;
    for (int r = 0; r < 2000; r++) {
        double begin = now();
        kept += single(-3 + 1e-6f * r, -4);
        alone[r] = now() - begin;
    }
    for (int r = 0; r < 50; r++) {
        double begin = now();
        cohort(w2, w3, total);
        together[r] = now() - begin;
        kept += total[r];
    }
    qsort(alone, 2000, sizeof *alone, ascending);
    qsort(together, 50, sizeof *together, ascending);
    printf("{\"surprise\": %.9f, \"alone\": %.9g, \"together\": %.9g}\n", single(-3, -4), alone[1000], together[25]);
    return 0;
}
