package stubprovider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"github.com/zclconf/go-cty/cty/msgpack"
)

// Serve is the provider of that name, as Terraform starts it.
func Serve(provider string) error {
	c, err := loadCatalog(provider)
	if err != nil {
		return err
	}
	return tf6server.Serve("registry.terraform.io/hashicorp/"+provider, func() tfprotov6.ProviderServer {
		return &server{catalog: c, stopped: make(chan struct{})}
	})
}

// server answers what Terraform asks about resources and data sources. What it
// asks about functions and the like never comes: the schema has none of these.
type server struct {
	tfprotov6.ProviderServer
	catalog  *catalog
	stopped  chan struct{}
	stopOnce sync.Once
}

func (s *server) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	provider, err := s.catalog.Provider.protocol()
	if err != nil {
		return nil, err
	}
	out := &tfprotov6.GetProviderSchemaResponse{Provider: provider,
		ResourceSchemas: map[string]*tfprotov6.Schema{}, DataSourceSchemas: map[string]*tfprotov6.Schema{},
		ServerCapabilities: &tfprotov6.ServerCapabilities{PlanDestroy: true}}
	for name, schema := range s.catalog.Resources {
		if out.ResourceSchemas[name], err = schema.protocol(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, schema := range s.catalog.DataSources {
		if out.DataSourceSchemas[name], err = schema.protocol(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}

func (s *server) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (s *server) ValidateProviderConfig(_ context.Context, req *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: req.Config}, nil
}

// ConfigureProvider refuses an account that the configuration does not allow, as
// the provider of AWS does.
func (s *server) ConfigureProvider(_ context.Context, req *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	config, err := decode(req.Config, s.catalog.Provider.Block.impliedType())
	if err != nil {
		return nil, err
	}
	if config.Type().HasAttribute("allowed_account_ids") {
		if allowed := config.GetAttr("allowed_account_ids"); !allowed.IsNull() && allowed.IsWhollyKnown() &&
			!slices.ContainsFunc(allowed.AsValueSlice(), func(v cty.Value) bool { return v.AsString() == Account }) {
			return &tfprotov6.ConfigureProviderResponse{Diagnostics: refuse(fmt.Errorf("AWS account ID not allowed: %s", Account))}, nil
		}
	}
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (s *server) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	s.stopOnce.Do(func() { close(s.stopped) })
	return &tfprotov6.StopProviderResponse{}, nil
}

func (s *server) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (s *server) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (s *server) UpgradeResourceState(_ context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	t := s.catalog.Resources[req.TypeName].Block.impliedType()
	v, err := ctyjson.Unmarshal(req.RawState.JSON, t)
	if err != nil {
		return nil, err
	}
	state, err := encode(v, t)
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: state}, err
}

func (s *server) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	t := s.catalog.Resources[req.TypeName].Block.impliedType()
	v, err := decode(req.CurrentState, t)
	if err != nil {
		return nil, err
	}
	missing, err := s.meet(ctx, "read", req.TypeName, v)
	if err != nil {
		return &tfprotov6.ReadResourceResponse{NewState: req.CurrentState, Diagnostics: refuse(err)}, nil
	}
	there, err := exists(req.TypeName, v)
	if err != nil {
		return nil, err
	}
	if missing || !there {
		v = cty.NullVal(t)
	}
	state, err := encode(v, t)
	return &tfprotov6.ReadResourceResponse{NewState: state}, err
}

func (s *server) PlanResourceChange(_ context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	b := s.catalog.Resources[req.TypeName].Block
	t := b.impliedType()
	v, err := decode(req.ProposedNewState, t)
	if err != nil {
		return nil, err
	}
	state, err := encode(b.markUnknown(v), t)
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: state}, err
}

func (s *server) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	b := s.catalog.Resources[req.TypeName].Block
	t := b.impliedType()
	prior, err := decode(req.PriorState, t)
	if err != nil {
		return nil, err
	}
	planned, err := decode(req.PlannedState, t)
	if err != nil {
		return nil, err
	}
	made := b.makeUp(planned, seed(req.TypeName, planned), nil)
	if err := s.change(ctx, req.TypeName, prior, made); err != nil {
		return &tfprotov6.ApplyResourceChangeResponse{NewState: req.PriorState, Diagnostics: refuse(err)}, nil
	}
	state, err := encode(made, t)
	return &tfprotov6.ApplyResourceChangeResponse{NewState: state}, err
}

// change makes a resource of the world what it is to be, and lets that meet its
// faults. One of the two is null where it is created or deleted.
func (s *server) change(ctx context.Context, resource string, prior, made cty.Value) error {
	switch {
	case made.IsNull():
		if _, err := s.meet(ctx, "delete", resource, prior); err != nil {
			return err
		}
		return vanish(resource, prior)
	case prior.IsNull():
		if err := appear(resource, made); err != nil {
			return err
		}
		if _, err := s.meet(ctx, "create", resource, made); err != nil {
			return errors.Join(err, vanish(resource, made))
		}
		return nil
	}
	_, err := s.meet(ctx, "update", resource, made)
	return err
}

func (s *server) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	b := s.catalog.DataSources[req.TypeName].Block
	t := b.impliedType()
	v, err := decode(req.Config, t)
	if err != nil {
		return nil, err
	}
	if _, err := s.meet(ctx, "data", req.TypeName, v); err != nil {
		return &tfprotov6.ReadDataSourceResponse{Diagnostics: refuse(err)}, nil
	}
	state, err := encode(b.makeUp(v, seed(req.TypeName, v), answers(req.TypeName, v)), t)
	return &tfprotov6.ReadDataSourceResponse{State: state}, err
}

// seed tells resources apart by what they were asked to be.
func seed(resource string, v cty.Value) string { return fmt.Sprintf("%s/%#v", resource, v) }

func decode(v *tfprotov6.DynamicValue, t cty.Type) (cty.Value, error) {
	if len(v.JSON) > 0 {
		return ctyjson.Unmarshal(v.JSON, t)
	}
	return msgpack.Unmarshal(v.MsgPack, t)
}

func encode(v cty.Value, t cty.Type) (*tfprotov6.DynamicValue, error) {
	content, err := msgpack.Marshal(v, t)
	return &tfprotov6.DynamicValue{MsgPack: content}, err
}

func refuse(err error) []*tfprotov6.Diagnostic {
	return []*tfprotov6.Diagnostic{{Severity: tfprotov6.DiagnosticSeverityError, Summary: err.Error()}}
}
