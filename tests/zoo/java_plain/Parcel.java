final class Parcel {
    private final int grams;

    Parcel(int grams) {
        this.grams = grams;
    }

    boolean isLetter() {
        return grams < 500;
    }

    int price() {
        return isLetter() ? 160 : 450;
    }
}
