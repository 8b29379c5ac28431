// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Makes the vectors of the control_*_test programs with Netflix's own library. On the class path:
// com.netflix.concurrency-limits:concurrency-limits-core 0.5.4, org.slf4j:slf4j-api 1.7.36. JDK 17.
//   for each of aimd, vegas, vegas_windowed, gradient2, gradient2_windowed:
//   java -cp … Netflix.java vegas > vegas.inc
import com.netflix.concurrency.limits.Limit;
import com.netflix.concurrency.limits.limit.AIMDLimit;
import com.netflix.concurrency.limits.limit.Gradient2Limit;
import com.netflix.concurrency.limits.limit.VegasLimit;
import com.netflix.concurrency.limits.limit.WindowedLimit;
import java.lang.reflect.Field;
import java.util.Random;
import java.util.concurrent.TimeUnit;

class Netflix {
    // The library's jitter has no seed: splitmix64 stands for it, as in src/control/random.h.
    static long state = 1;

    static double jitter() {
        long z = state += 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        z ^= z >>> 31;
        return 0.5 + 0.5 * ((z >>> 11) * 0x1p-53);
    }

    static Field field(Object of, String name) throws Exception {
        Field found = of.getClass().getDeclaredField(name);
        found.setAccessible(true);
        return found;
    }

    public static void main(String[] args) throws Exception {
        final String which = args[0];
        final boolean windowed = which.endsWith("windowed");
        final Limit inner;
        switch (which) {
            case "aimd": inner = AIMDLimit.newBuilder().maxLimit(90).build(); break;
            case "vegas": inner = VegasLimit.newBuilder().initialLimit(95).maxConcurrency(130)
                .build(); break;
            case "vegas_windowed": inner = VegasLimit.newBuilder().smoothing(0.5).maxConcurrency(60)
                .probeMultiplier(1).build(); break;
            case "gradient2": inner = Gradient2Limit.newDefault(); break;
            default: inner = Gradient2Limit.newBuilder().minLimit(19).maxConcurrency(25)
                .longWindow(100).smoothing(0.4).build();
        }
        // The defaults for Gradient2; windows of differing length for Vegas.
        final Limit limit = !windowed ? inner
            : which.startsWith("vegas")
                ? WindowedLimit.newBuilder().minWindowTime(100, TimeUnit.MILLISECONDS)
                    .maxWindowTime(150, TimeUnit.MILLISECONDS).build(inner)
                : WindowedLimit.newBuilder().build(inner);
        final Field estimate = which.equals("aimd") ? null : field(inner, "estimatedLimit");
        final Field jitter = which.startsWith("vegas") ? field(inner, "probeJitter") : null;
        double drawn = 0;
        if (jitter != null) jitter.setDouble(inner, drawn = jitter());

        System.out.println("// SPDX-License-Identifier: MIT OR Apache-2.0");
        System.out.println("// Made by Netflix.java, see there: " + which + ".");
        System.out.println("// {ended, latency, in flight, dropped, limit, estimate}");
        final Random random = new Random(14);
        final int rows = windowed ? 700 : 400;
        long now = 0;
        for (int row = 0; row < rows; ++row) {
            // Phases: light, full, overloaded with drops, idle, recovering.
            final int phase = row * 10 / rows % 5;
            final double most = limit.getLimit();
            final double part = phase == 0 ? random.nextDouble() : phase == 3
                ? Math.max(0.1, 0.5 - 0.2 * random.nextInt(4)) : 0.7 + 0.3 * random.nextDouble();
            final int inFlight = (int) Math.max(1, most * part);
            final double capacity = phase == 2 ? 10 : which.equals("vegas") ? 450 : 45;
            final double noise = phase == 0 ? 0.01 : phase == 1 ? 0.004 : 0.15;
            double latency = 10e6 * (phase == 4 ? 0.8 : 1) * Math.max(1, inFlight / capacity)
                * Math.exp(noise * random.nextGaussian());
            latency = Math.rint(latency / 100e3) * 100e3;  // so that some are equal
            final double odd = random.nextDouble();
            if (odd < 0.01) latency = 6e9;  // longer than AIMD's timeout
            if (odd > (which.equals("vegas") ? 0.998 : 0.98)) {
                latency = 50e3 + 100e3 * random.nextDouble();  // below a window's floor, or above
            }
            if (windowed && phase == 1) latency *= 7;  // longer windows
            final double drops = phase != 2 ? 0.004 : windowed ? 0.05 : 0.7;
            final boolean dropped = random.nextDouble() < drops;
            final double apart = which.equals("vegas_windowed") ? 6e6 : 35e6;
            now += (long) (2 * apart * random.nextDouble() * (phase == 3 ? 3 : 1)) + 1;
            limit.onSample(now - (long) latency, (long) latency, inFlight, dropped);
            if (jitter != null && jitter.getDouble(inner) != drawn) {
                jitter.setDouble(inner, drawn = jitter());
            }
            System.out.println("{" + now + ", " + (long) latency + ", " + inFlight + ", " + dropped
                + ", " + limit.getLimit() + ", "
                + (estimate == null ? limit.getLimit() + ".0" : estimate.get(inner)) + "},");
        }
    }
}
