package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// devicePath is the page on which people type what a program shows them.
const devicePath = "/device"

// StartDevice begins a sign-in of a program without a browser.
func (s *AuthService) StartDevice(ctx context.Context, req *bulkheadv1.StartDeviceRequest) (*bulkheadv1.StartDeviceResponse, error) {
	start := func() (*authn.DeviceStart, error) { return s.authn.StartDevice(ctx, client(ctx), req.GetClient()) }
	if req.GetStepUp() {
		start = func() (*authn.DeviceStart, error) {
			return s.authn.StartDeviceStepUp(ctx, client(ctx), gate.Caller(ctx), req.GetClient())
		}
	}
	d, err := start()
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.StartDeviceResponse{
		DeviceCode: d.DeviceCode, UserCode: d.UserCode, VerificationPath: devicePath,
		Interval: int32(d.Interval / time.Second), Expires: timestamppb.New(d.Expires),
	}, nil
}

// PollDevice asks for the outcome. The secret goes to the program itself, never into a cookie.
func (s *AuthService) PollDevice(ctx context.Context, req *bulkheadv1.PollDeviceRequest) (*bulkheadv1.PollDeviceResponse, error) {
	in, err := s.authn.PollDevice(ctx, client(ctx), req.GetDeviceCode())
	switch {
	case err != nil:
		return nil, err
	case in == nil:
		return &bulkheadv1.PollDeviceResponse{Pending: true}, nil
	}
	return &bulkheadv1.PollDeviceResponse{Secret: in.Secret, Caller: callerOf(in.Principal, in.Expires)}, nil
}

// GetDevice shows which program asks.
func (s *AuthService) GetDevice(ctx context.Context, req *bulkheadv1.GetDeviceRequest) (*bulkheadv1.Device, error) {
	d, err := s.authn.GetDevice(ctx, gate.Caller(ctx), req.GetUserCode())
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.Device{Client: d.Client, Address: d.Address, Expires: timestamppb.New(d.Expires), StepUp: d.StepUp}, nil
}

// DecideDevice lets a program in as the caller, or refuses it.
func (s *AuthService) DecideDevice(ctx context.Context, req *bulkheadv1.DecideDeviceRequest) (*bulkheadv1.Empty, error) {
	if err := s.authn.DecideDevice(ctx, gate.Caller(ctx), req.GetUserCode(), req.GetAllow()); err != nil {
		return nil, err
	}
	return &bulkheadv1.Empty{}, nil
}
