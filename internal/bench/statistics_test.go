package main

import "testing"

func TestStatistics(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3, 10, 9, 8, 7, 6}
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"median of ten", median(values), 5.5},
		{"median of three", median([]float64{3, 1, 2}), 2},
		{"median of one", median([]float64{7}), 7},
		{"quarter of ten", quantile(values, 0.25), 3},
		{"95 % of ten", quantile(values, 0.95), 10},
		{"95 % of one", quantile([]float64{7}, 0.95), 7},
		{"nothing of ten", quantile(values, 0), 1},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v, want %v", c.what, c.got, c.want)
		}
	}
	if values[0] != 5 {
		t.Error("the values were put into another order")
	}
}
