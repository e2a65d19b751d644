package osbulk

import "maps"

// template is what each day's index is made from. Scalars of any kind fit a keyword field, so that an attribute that is
// a number in one service and a word in another is refused by neither.
func template(cfg *Config) map[string]any {
	keyword := map[string]any{"type": "keyword", "ignore_above": 1024}
	settings := map[string]any{
		"number_of_shards":                  cfg.Shards,
		"number_of_replicas":                cfg.Replicas,
		"index.mapping.total_fields.limit":  2000,
		"index.refresh_interval":            "1s",
		"index.mapping.ignore_malformed":    true,
		"index.translog.durability":         "request",
		"index.codec":                       "best_compression",
		"index.query.default_field":         []string{"message"},
		"index.mapping.nested_fields.limit": 1,
	}
	maps.Copy(settings, cfg.IndexSettings)
	words := func(path string) map[string]any {
		return map[string]any{path: map[string]any{"path_match": path + ".*", "mapping": keyword}}
	}
	return map[string]any{
		"index_patterns": []string{cfg.Index + "-*"},
		// Above a template for every index, which the reference stack has.
		"priority": 200,
		"template": map[string]any{
			"settings": settings,
			"mappings": map[string]any{
				"dynamic":           false,
				"dynamic_templates": []any{words("attributes"), words("resource")},
				"properties": map[string]any{
					"@timestamp":         map[string]any{"type": "date_nanos"},
					"observed_timestamp": map[string]any{"type": "date_nanos"},
					"trace_id":           keyword,
					"span_id":            keyword,
					"severity":           keyword,
					"severity_number":    map[string]any{"type": "byte"},
					"service":            keyword,
					"event":              keyword,
					"scope":              keyword,
					"message":            map[string]any{"type": "text"},
					"resource":           map[string]any{"type": "object", "dynamic": true},
					"attributes": map[string]any{
						"type":    "object",
						"dynamic": true,
						"properties": map[string]any{
							"duration_seconds":          map[string]any{"type": "double"},
							"http_response_status_code": map[string]any{"type": "integer"},
						},
					},
				},
			},
		},
	}
}
