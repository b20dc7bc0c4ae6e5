// Package metrics shows an agent's statistics to Prometheus.
//
// Every figure is one of control.Stats, read when it is asked for, so that
// Prometheus and the orchestrator see the same. An agent serves them at Path
// on its port, like all of its API to the run's orchestrator only. Whoever has
// the run's directory is that, while the run goes on:
//
//	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj / -keyout me.key -out me.csr
//	printf 'subjectAltName=URI:skyctl://RUN/orchestrator\nextendedKeyUsage=clientAuth\n' > me.ext
//	openssl x509 -req -in me.csr -extfile me.ext -CA ca/ca.pem -CAkey ca/ca-key.pem -days 1 -out me.pem
//	curl --cacert ca/ca.pem --cert me.pem --key me.key \
//	  --connect-to gateway.skyctl:443:ADDRESS:PORT https://gateway.skyctl/metrics
package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/skyctl/skyctl/agent/control"
)

// Path is where agents serve their metrics.
const Path = "/metrics"

// Source is the part of control.API that is shown.
type Source interface {
	Stats(ctx context.Context) (control.Stats, error)
}

// askWithin bounds how long a source takes to answer.
const askWithin = 5 * time.Second

// Handler serves the statistics of from in the formats of Prometheus. An error
// of the source is status 500.
func Handler(from Source) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{from}) // fails only where two describe the same
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

type collector struct{ from Source }

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descriptions {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	s, err := c.from.Stats(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(streams, err)
		return
	}
	show(s, func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	})
	for _, x := range s.Stores {
		ch <- latency(x)
	}
}

// latency makes a histogram of one operation.
func latency(x control.StoreStats) prometheus.Metric {
	upTo, sum := map[float64]uint64{}, uint64(0)
	for i, n := range x.Buckets {
		sum += uint64(n)
		upTo[control.LatencyBound(i).Seconds()] = sum
	}
	return prometheus.MustNewConstHistogram(storeSeconds, uint64(max(x.Count, int64(sum))), x.Seconds, upTo, x.Store, x.Operation)
}
