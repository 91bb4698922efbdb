package child

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// providerGrace is how much longer than planned an answer may take.
const providerGrace = 30 * time.Second

// refusals are the statuses by which a provider makes a job fail as planned.
var refusals = map[int]ErrorClass{
	http.StatusTooManyRequests:     RateLimit,
	http.StatusServiceUnavailable:  Transient,
	http.StatusUnprocessableEntity: Permanent,
}

// provider is the external API as a job sees it: one POST over HTTP.
type provider struct {
	url    string
	client *http.Client
}

// newProvider keeps at most one connection for each open execution. A transport of its own, because
// the default one would obey HTTP_PROXY and keep no more than two idle connections.
func newProvider(url string, concurrency int) *provider {
	transport := &http.Transport{
		MaxConnsPerHost:     concurrency,
		MaxIdleConns:        concurrency,
		MaxIdleConnsPerHost: concurrency,
		DisableCompression:  true,
	}
	return &provider{url, &http.Client{Transport: transport}}
}

// call has the provider do the job's work; failures is how often the job has failed so far.
func (p *provider) call(ctx context.Context, plan Plan, failures int) (*Refusal, error) {
	length := time.Duration(plan.LengthUS) * time.Microsecond
	ctx, cancel := context.WithTimeout(ctx, length+providerGrace)
	defer cancel()
	question := fmt.Sprintf("%s/jobs/%s?failures=%d", p.url, plan.JobID, failures)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, question, nil)
	if err != nil {
		return nil, fmt.Errorf("the provider's URL cannot be called: %w", err)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the provider did not answer: %w", err)
	}
	defer response.Body.Close()
	// Read to its end, or the connection could not serve the next job.
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return nil, fmt.Errorf("the provider broke off its answer: %w", err)
	}
	return refusalOf(response, plan)
}

func refusalOf(response *http.Response, plan Plan) (*Refusal, error) {
	if response.StatusCode == http.StatusOK {
		return nil, nil
	}
	class, planned := refusals[response.StatusCode]
	if !planned {
		return nil, fmt.Errorf("the provider answered %s with status %d", plan.JobID, response.StatusCode)
	}
	refusal := &Refusal{Class: class}
	if text := response.Header.Get("Retry-After"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("the provider's Retry-After is no number of seconds: %w", err)
		}
		refusal.RetryAfterS = &seconds
	}
	return refusal, nil
}
