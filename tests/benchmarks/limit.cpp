/* The arithmetic of a binary three-level network, and nothing else: values, and derivatives by dual numbers. */

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <vector>

#define INLINE inline __attribute__((always_inline))

constexpr int STEPS = 320, SUBJECTS = 1024, TOGETHER = 256, PARAMETERS = 3, WIDTH = 10, FAN_STEPS = 300;
static float outcomes[STEPS], observed[FAN_STEPS][WIDTH];

/* A number and its derivatives; a plain float where there are none. */
template <int N> struct Dual {
    float v, d[N];
    INLINE Dual() {}
    INLINE Dual(float x) : v(x) { for (int k = 0; k < N; k++) d[k] = 0; }
};
template <> struct Dual<0> {
    float v, *d = nullptr;
    INLINE Dual() {}
    INLINE Dual(float x) : v(x) {}
};
#define EACH for (int k = 0; k < N; k++)
#define OF template <int N> INLINE
OF Dual<N> through(const Dual<N> &a, float value, float slope) { Dual<N> r; r.v = value; EACH r.d[k] = slope * a.d[k]; return r; }
OF Dual<N> operator+(const Dual<N> &a, const Dual<N> &b) { Dual<N> r; r.v = a.v + b.v; EACH r.d[k] = a.d[k] + b.d[k]; return r; }
OF Dual<N> operator-(const Dual<N> &a, const Dual<N> &b) { Dual<N> r; r.v = a.v - b.v; EACH r.d[k] = a.d[k] - b.d[k]; return r; }
OF Dual<N> operator*(const Dual<N> &a, const Dual<N> &b) { Dual<N> r; r.v = a.v * b.v; EACH r.d[k] = a.v * b.d[k] + b.v * a.d[k]; return r; }
OF Dual<N> operator+(const Dual<N> &a, float b) { return through(a, a.v + b, 1); }
OF Dual<N> operator-(const Dual<N> &a, float b) { return through(a, a.v - b, 1); }
OF Dual<N> operator-(float a, const Dual<N> &b) { return through(b, a - b.v, -1); }
OF Dual<N> operator*(float a, const Dual<N> &b) { return through(b, a * b.v, a); }
OF Dual<N> inverse(const Dual<N> &a) { float i = 1 / a.v; return through(a, i, -i * i); }
OF Dual<N> exponential(const Dual<N> &a) { float e = expf(a.v); return through(a, e, e); }
OF Dual<N> logarithm(const Dual<N> &a) { return through(a, logf(a.v), 1 / a.v); }
OF Dual<N> sigmoid(const Dual<N> &a) { float p = 1 / (1 + expf(-a.v)); return through(a, p, p * (1 - p)); }
OF Dual<N> positive(const Dual<N> &a) { return through(a, a.v > 0 ? a.v : 0, a.v > 0 ? 1.f : 0.f); }

/* E with E exp(scale (E - 1)) = ratio: the value as in pynodes, the derivative implicit. */
OF Dual<N> excess(const Dual<N> &scale, const Dual<N> &ratio)
{
    float s = scale.v, product = s * ratio.v, shrunk = expf(-s), argument = product / shrunk;
    float soft = product < 1e-3f * shrunk ? argument * (1 - 0.5f * argument) : s + logf(product + shrunk);
    float above = 1 + soft * (2.84078147f + soft * (1.01504456f + soft * 0.23765811f));
    float below = 1 + soft * (3.36177498f + soft * (1.89002852f + soft * 0.24148229f));
    float w = soft * above / below, miss = s - w + logf(product / w), q = 2 * (1 + w) * (1 + w + 2 / 3.f * miss);
    float e = w * (1 + miss * (q - miss) / ((1 + w) * (q - 2 * miss))) / s, slope = e / (1 + s * e);
    Dual<N> r;
    r.v = e;
    EACH r.d[k] = slope * ((1 - e) * scale.d[k] + ratio.d[k] / ratio.v);
    return r;
}

template <int N> struct Belief { Dual<N> m2, v2, m3, v3, total; };

/* What the third level hears: its child's squared move, variances, and log growth at the prediction. */
template <int N> struct Message { Dual<N> square, variance, growth, carried, log_growth; };

struct Enhanced {
    OF static void update(Dual<N> &m, Dual<N> &v, const Message<N> &say)
    {
        Dual<N> precision = inverse(say.variance), ahead = m;
        m = m + 0.5f * v * say.growth * precision * (say.square * precision - 1.f);
        Dual<N> known = exponential(say.log_growth + m - ahead), i = inverse(say.carried + known);
        Dual<N> share = known * i, error = say.square * i - 1.f;
        v = v * inverse(1.f - (-1.f * v) * positive(0.5f * share * (share + (2.f * share - 1.f) * error)));
    }
};

struct Unbounded {
    OF static void update(Dual<N> &m, Dual<N> &v, const Message<N> &say)
    {
        Dual<N> precision = inverse(v), ahead = exponential(say.log_growth);
        Dual<N> share = ahead * inverse(say.carried + ahead), error = say.square * inverse(say.variance) - 1.f;
        Dual<N> near_v = inverse(precision + 0.5f * share * (1.f - share));
        Dual<N> near = m + 0.5f * near_v * share * error;
        Dual<N> half = 0.5f * v, e = excess(half, say.square * inverse(ahead)), shift = half * (e - 1.f);
        Dual<N> far_growth = say.square * inverse(e), i = inverse(say.carried + far_growth);
        Dual<N> far_share = far_growth * i, far_error = say.square * i - 1.f;
        Dual<N> full = precision + 0.5f * far_share * (far_share + (2.f * far_share - 1.f) * far_error);
        Dual<N> safe = precision + 0.5f * far_share * (1.f - far_share), far_v = inverse(full.v > 0 ? full : safe);
        Dual<N> far = m + shift + far_v * (0.5f * far_share * far_error - precision * shift);
        Dual<N> here = inverse(say.carried + exponential(say.log_growth + far - m));
        Dual<N> there = say.carried + exponential(say.log_growth + near - m);
        Dual<N> heard = 0.5f * (logarithm(here * there) - say.square * (here - inverse(there)));
        Dual<N> gap = far - near, weight = sigmoid(heard - 0.5f * precision * gap * (far + near - 2.f * m));
        v = near_v + weight * (far_v - near_v) + weight * (1.f - weight) * gap * gap;
        m = near + weight * gap;
    }
};

template <class Expansion, int N> INLINE void step(Belief<N> &b, float u, const Dual<N> &w2, const Dual<N> &w3)
{
    b.v3 = b.v3 + exponential(w3);
    Dual<N> carried = b.v2, log_growth = w2 + b.m3, growth = exponential(log_growth + 0.5f * b.v3), s2 = carried + growth;
    Dual<N> p = sigmoid(b.m2);
    b.total = b.total - logarithm(u > 0.5f ? p : 1.f - p);
    b.v2 = s2 * inverse(1.f - (-1.f * s2) * p * (1.f - p));
    Dual<N> move = b.v2 * (u - p);
    b.m2 = b.m2 + move;
    Expansion::template update<N>(b.m3, b.v3, Message<N>{ b.v2 + move * move, s2, growth, carried, log_growth });
}

OF void begin(Belief<N> &b, float m2) { b.m2 = m2; b.m3 = b.total = Dual<N>(0.f); b.v2 = b.v3 = Dual<N>(1.f); if (N) b.m2.d[N - 1] = 1; }

template <class Expansion, int N> static float single(float w2, float w3)
{
    Belief<N> b;
    Dual<N> second(w2), third(w3);
    begin(b, 0);
    if (N) second.d[0] = third.d[1] = 1;
    for (int t = 0; t < STEPS; t++) step<Expansion, N>(b, outcomes[t], second, third);
    float sum = b.total.v;
    EACH sum += 1e-20f * b.total.d[k]; /* so that no derivative is left out */
    return sum;
}

/* All numbers of one kind beside one another, so that the compiler uses vector instructions. */
template <int N> struct Row { float v[TOGETHER], d[N ? N : 1][TOGETHER]; };
OF Dual<N> at(const Row<N> &row, int i) { Dual<N> r; r.v = row.v[i]; EACH r.d[k] = row.d[k][i]; return r; }
OF void put(Row<N> &row, int i, const Dual<N> &x) { row.v[i] = x.v; EACH row.d[k][i] = x.d[k]; }

template <class Expansion, int N> static float cohort(const float *w2, const float *w3)
{
    static Row<N> m2, v2, m3, v3, total;
    float sum = 0;
    for (int first = 0; first < SUBJECTS; first += TOGETHER) {
        for (int i = 0; i < TOGETHER; i++) {
            Belief<N> b;
            begin(b, 0);
            put(m2, i, b.m2), put(v2, i, b.v2), put(m3, i, b.m3), put(v3, i, b.v3), put(total, i, b.total);
        }
        for (int t = 0; t < STEPS; t++) {
            float u = outcomes[t];
#pragma GCC ivdep
            for (int i = 0; i < TOGETHER; i++) {
                Belief<N> b = { at(m2, i), at(v2, i), at(m3, i), at(v3, i), at(total, i) };
                Dual<N> second(w2[first + i]), third(w3[first + i]);
                if (N) second.d[0] = third.d[1] = 1;
                step<Expansion, N>(b, u, second, third);
                put(m2, i, b.m2), put(v2, i, b.v2), put(m3, i, b.m3), put(v3, i, b.v3), put(total, i, b.total);
            }
        }
        for (int i = 0; i < TOGETHER; i++) { sum += total.v[i]; EACH sum += 1e-20f * total.d[k][i]; }
    }
    return sum;
}

/* A fan of the benchmark: ten states under one volatility parent, enhanced. */
static float fan()
{
    float m[WIDTH], v[WIDTH], pm = 0, pv = 1;
    const float strength = 0.1f, tonic = expf(-4.f);
    for (int i = 0; i < WIDTH; i++) m[i] = 0, v[i] = 1;
    for (int t = 0; t < FAN_STEPS; t++) {
        float square[WIDTH], variance[WIDTH], carried[WIDTH], gradient = 0, curvature = 0;
        pv += tonic;
        float growth = expf(-4 + strength * pm + 0.5f * strength * strength * pv);
        for (int i = 0; i < WIDTH; i++) {
            carried[i] = v[i], variance[i] = v[i] + growth;
            v[i] = variance[i] / (1 + variance[i]);
            float move = v[i] * (observed[t][i] - m[i]);
            m[i] += move, square[i] = v[i] + move * move;
            gradient += 0.5f * strength * growth / variance[i] * (square[i] / variance[i] - 1);
        }
        pm += pv * gradient;
        float known = expf(-4 + strength * pm);
        for (int i = 0; i < WIDTH; i++) {
            float inverse = 1 / (carried[i] + known), share = known * inverse, error = square[i] * inverse - 1;
            float bend = 0.5f * strength * strength * share * (share + (2 * share - 1) * error);
            curvature += bend > 0 ? bend : 0;
        }
        pv /= 1 + pv * curvature;
    }
    return pm + m[0];
}

static double now() { timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }

template <class Call> static double timed(int repetitions, Call call)
{
    static volatile float kept;
    std::vector<double> times;
    for (int r = 0; r < repetitions; r++) { double start = now(); kept = call(r); times.push_back(now() - start); }
    std::nth_element(times.begin(), times.begin() + repetitions / 2, times.end());
    return times[repetitions / 2];
}

template <class Expansion> static void measured(const char *name, const float *w2, const float *w3)
{
    printf("\"%s\": {\"surprise\": %.9f, ", name, single<Expansion, 0>(-3, -4));
    printf("\"one, value\": %.9g, ", timed(1000, [](int r) { return single<Expansion, 0>(-3 + 1e-6f * r, -4); }));
    printf("\"one, gradient\": %.9g, ", timed(1000, [](int r) { return single<Expansion, PARAMETERS>(-3 + 1e-6f * r, -4); }));
    printf("\"many, value\": %.9g, ", timed(30, [=](int) { return cohort<Expansion, 0>(w2, w3); }));
    printf("\"many, gradient\": %.9g}", timed(30, [=](int) { return cohort<Expansion, PARAMETERS>(w2, w3); }));
}

int main(int count, char **names)
{
    static float w2[SUBJECTS], w3[SUBJECTS];
    FILE *file = count > 1 ? fopen(names[1], "r") : nullptr;
    for (int t = 0; t < STEPS; t++)
        if (!file || fscanf(file, "%f", &outcomes[t]) != 1) return 1;
    for (int t = 0; t < FAN_STEPS; t++)
        for (int i = 0; i < WIDTH; i++) observed[t][i] = sinf(1.7f * t + 0.3f * i * i);
    for (int i = 0; i < SUBJECTS; i++) w2[i] = -3 + 1e-4f * i, w3[i] = -4;
    printf("{");
    measured<Enhanced>("enhanced", w2, w3);
    printf(", ");
    measured<Unbounded>("unbounded", w2, w3);
    printf(", \"fan\": %.9g}\n", timed(1000, [](int r) { observed[0][0] = 1e-6f * r; return fan(); }));
}
