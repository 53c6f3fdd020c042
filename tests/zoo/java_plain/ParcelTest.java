final class ParcelTest {
    public static void main(String[] arguments) {
        check("a light one is a letter", new Parcel(20).isLetter());
        check("a letter may weigh a pound", new Parcel(500).isLetter());
        check("a heavy one is none", !new Parcel(501).isLetter());
        check("a parcel costs more", new Parcel(900).price() == 450);
    }

    private static void check(String what, boolean holds) {
        if (!holds) {
            throw new AssertionError("failed: " + what);
        }
    }
}
