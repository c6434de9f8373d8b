import java.util.Objects;
import java.util.function.Supplier;

/** How a driver in Java tells what it found: see ../../README.md for the lines. */
final class Cases {
    static final String BOOTSTRAP = System.getenv("INTEROP_BOOTSTRAP");

    interface Body {
        void run() throws Exception;
    }

    /** A name that no other driver has, for topics and groups. */
    static String name(String suffix) {
        return System.getenv("INTEROP_PREFIX") + "-" + suffix;
    }

    static void run(String name, Body body) {
        System.out.println("begin " + name);
        try {
            body.run();
            System.out.println("ok " + name);
        } catch (Exception | AssertionError error) {
            error.printStackTrace();
            System.out.println("fail " + name + " " + error.toString().replaceAll("\\s+", " "));
        }
    }

    static void equal(Object found, Object wanted, String what) {
        if (!Objects.equals(found, wanted)) throw new AssertionError(what + ": " + found + " instead of " + wanted);
    }

    /** Reads again and again until it is as wanted. */
    static void until(Supplier<Object> read, Object wanted, String what) throws InterruptedException {
        long deadline = System.nanoTime() + 30_000_000_000L;
        while (!Objects.equals(read.get(), wanted)) {
            if (System.nanoTime() > deadline) equal(read.get(), wanted, what);
            Thread.sleep(20);
        }
    }
}
